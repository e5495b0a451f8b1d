import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat({ calls: [['call_1', 'get_weather', { city: 'Oslo' }]] }, [40, 11]),
  chat({ calls: [['call_2', 'book_table', { place: 'outside' }]] }, [62, 12]),
  chat({ text: 'Table 12 is yours.' }, [85, 8]),
]
