import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat({ calls: [['call_1', 'transfer_to_hands', {}]] }, [40, 9]),
  chat(
    {
      calls: [
        ['call_2', 'get_weather', { city: 'Oslo' }],
        ['call_3', 'get_weather', { city: 'Rome' }],
        ['call_4', 'get_price', { item: 'umbrella' }],
      ],
    },
    [60, 30],
  ),
  chat({ text: 'Sun in Oslo and Rome.' }, [110, 8]),
]
