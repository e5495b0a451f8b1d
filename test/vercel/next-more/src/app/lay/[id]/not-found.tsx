export default () => <p>gone here</p>
